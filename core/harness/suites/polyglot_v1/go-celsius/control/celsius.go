// Package go_celsius reads temperatures.
package go_celsius

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads "21.5C" or "70F" and gives degrees Celsius.
func Parse(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if len(text) < 2 {
		return 0, fmt.Errorf("no temperature: %q", text)
	}
	unit := text[len(text)-1]
	whole, err := strconv.Atoi(text[:len(text)-1])
	value := float64(whole)
	if err != nil {
		return 0, fmt.Errorf("no number in %q: %w", text, err)
	}
	switch unit {
	case 'C':
		return value, nil
	case 'F':
		return (value - 32) * 5 / 9, nil
	}
	return 0, fmt.Errorf("unknown unit %q", unit)
}
