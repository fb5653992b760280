package go_celsius

import (
	"errors"
	"math"
	"strconv"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]float64{"21.5C": 21.5, " 212F ": 100, "-40F": -40} {
		got, err := Parse(text)
		if err != nil || math.Abs(got-want) > 1e-9 {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, text := range []string{"", "C", "12K", "xC"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q is no error", text)
		}
	}
	_, err := Parse("xC")
	if !errors.Is(err, strconv.ErrSyntax) {
		t.Errorf("the cause is lost: %v", err)
	}
}
