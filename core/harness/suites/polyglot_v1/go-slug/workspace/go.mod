module go_slug

go 1.18
