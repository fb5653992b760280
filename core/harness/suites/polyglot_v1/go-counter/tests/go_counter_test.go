package go_counter

import (
	"sync"
	"testing"
)

func TestManyVisits(t *testing.T) {
	var c Counter
	var wait sync.WaitGroup
	for i := 0; i < 50; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			c.Visit("home")
		}()
	}
	wait.Wait()
	if got := c.All()["home"]; got != 50 {
		t.Fatalf("got %d", got)
	}
}

func TestAllIsACopy(t *testing.T) {
	var c Counter
	c.Visit("a")
	before := c.All()
	c.Visit("a")
	before["b"] = 7
	if before["a"] != 1 || c.All()["a"] != 2 || len(c.All()) != 1 {
		t.Fatalf("got %v, %v", before, c.All())
	}
}
