package go_groups

import (
	"reflect"
	"testing"
)

func TestSplit(t *testing.T) {
	got := Split([]string{"a", "b", "c", "d", "e"}, 2)
	want := [][]string{{"a", "b"}, {"c", "d"}, {"e"}}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v", got)
	}
	if Split([]string{"a"}, 0) != nil || Split(nil, 3) != nil {
		t.Fatal("groups of nothing")
	}
}

func TestGroupsAreApart(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	groups := Split(names, 2)
	_ = append(groups[0], "x")
	groups[1][1] = "y"
	if groups[1][0] != "c" || names[3] != "d" {
		t.Fatalf("got %v of %v", groups, names)
	}
}
