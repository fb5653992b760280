package go_queue

import (
	"fmt"
	"testing"
)

func TestTheHighestComesFirst(t *testing.T) {
	q := &Queue{}
	q.Add(Job{"low", 1})
	q.Add(Job{"high", 9})
	if job, ok := q.Next(); !ok || job.Name != "high" {
		t.Fatalf("got %v %v", job, ok)
	}
	if job, ok := q.Next(); !ok || job.Name != "low" {
		t.Fatalf("got %v %v", job, ok)
	}
	if _, ok := q.Next(); ok {
		t.Fatal("the queue is not empty")
	}
}

func TestEqualPrioritiesKeepTheirOrder(t *testing.T) {
	q := &Queue{}
	for i := 0; i < 40; i++ {
		q.Add(Job{fmt.Sprint(i), i % 2})
	}
	for i := 1; i < 40; i += 2 {
		if job, _ := q.Next(); job.Name != fmt.Sprint(i) {
			t.Fatalf("got %v, want %d", job, i)
		}
	}
}
