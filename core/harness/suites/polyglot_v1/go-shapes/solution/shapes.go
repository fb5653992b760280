// Package go_shapes measures shapes.
package go_shapes

import "math"

// Shape has an area.
type Shape interface {
	Area() float64
}

// Circle is a circle of a radius.
type Circle struct{ Radius float64 }

// Rect is a rectangle.
type Rect struct{ Width, Height float64 }

// Area of a circle.
func (c Circle) Area() float64 { return math.Pi * c.Radius * c.Radius }

// Area of a rectangle.
func (r Rect) Area() float64 { return r.Width * r.Height }

// Largest gives the shape of the largest area, the first of several; nil for none.
func Largest(shapes ...Shape) Shape {
	var best Shape
	for _, shape := range shapes {
		if best == nil || shape.Area() > best.Area() {
			best = shape
		}
	}
	return best
}
