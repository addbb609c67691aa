module cluster/extras

go 1.25.0
