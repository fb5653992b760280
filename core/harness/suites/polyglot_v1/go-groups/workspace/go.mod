module go_groups

go 1.18
