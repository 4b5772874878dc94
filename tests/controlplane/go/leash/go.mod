module springback.example/controlplane/leash

go 1.26.0
