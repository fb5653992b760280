// Package go_slug makes names for addresses.
package go_slug

import (
	"strings"
	"unicode"
)

// Slug gives small letters and digits, with one hyphen for anything in between.
func Slug(title string) string {
	var out strings.Builder
	for i := 0; i < len(title); i++ {
		each := rune(title[i])
		if !unicode.IsLetter(each) && !unicode.IsDigit(each) {
			out.WriteByte('-')
			continue
		}
		out.WriteRune(unicode.ToLower(each))
	}
	return out.String()
}
