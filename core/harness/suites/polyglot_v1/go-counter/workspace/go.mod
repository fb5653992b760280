module go_counter

go 1.18
