// Package go_slug makes names for addresses.
package go_slug

import (
	"strings"
	"unicode"
)

// Slug gives small letters and digits, with one hyphen for anything in between.
func Slug(title string) string {
	var out strings.Builder
	gap := false
	for _, each := range title {
		if !unicode.IsLetter(each) && !unicode.IsDigit(each) {
			gap = out.Len() > 0
			continue
		}
		if gap {
			out.WriteByte('-')
			gap = false
		}
		out.WriteRune(unicode.ToLower(each))
	}
	return out.String()
}
