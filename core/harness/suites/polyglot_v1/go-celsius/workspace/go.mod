module go_celsius

go 1.18
