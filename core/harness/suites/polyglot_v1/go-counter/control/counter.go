// Package go_counter counts visits from many goroutines.
package go_counter

import "sync"

// Counter counts visits by page; it may be used by many goroutines.
type Counter struct {
	mutex  sync.Mutex
	visits map[string]int
}

// Visit counts one visit of a page.
func (c *Counter) Visit(page string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.visits == nil {
		c.visits = make(map[string]int)
	}
	c.visits[page]++
}

// All gives a copy of the counts.
func (c *Counter) All() map[string]int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.visits
}
