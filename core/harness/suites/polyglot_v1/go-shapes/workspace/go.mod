module go_shapes

go 1.18
