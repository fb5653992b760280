// Package go_queue keeps jobs in order of their priority.
package go_queue

import "sort"

// Job is something to do; a higher Priority comes first.
type Job struct {
	Name     string
	Priority int
}

// Queue keeps jobs; those of equal priority in the order they came.
type Queue struct {
	jobs []Job
}

// Add puts a job into the queue.
func (q *Queue) Add(job Job) {
	q.jobs = append(q.jobs, job)
	sort.Slice(q.jobs, func(i, j int) bool {
		return q.jobs[i].Priority > q.jobs[j].Priority
	})
}

// Next takes the first job out; false when there is none.
func (q *Queue) Next() (Job, bool) {
	if len(q.jobs) == 0 {
		return Job{}, false
	}
	job := q.jobs[0]
	q.jobs = q.jobs[1:]
	return job, true
}
