package go_shapes

import "testing"

func TestLargest(t *testing.T) {
	if got := Largest(Rect{2, 3}, Circle{1}); got != (Rect{2, 3}) {
		t.Fatalf("got %v", got)
	}
	if got := Largest(Circle{2}, Rect{1, 1}); got != (Circle{2}) {
		t.Fatalf("got %v", got)
	}
	if got := Largest(Rect{1, 6}, Rect{2, 3}); got != (Rect{1, 6}) {
		t.Fatalf("got %v", got)
	}
	if Largest() != nil {
		t.Fatal("a shape of nothing")
	}
}
