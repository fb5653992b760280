module go_queue

go 1.18
