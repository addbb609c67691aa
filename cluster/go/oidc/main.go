// A provider of OpenID Connect for tests of the page: the certified library's example, on the loopback interface alone,
// with one public client for the code flow with PKCE. Person: test-user@localhost, password: verysecure.
// With CERTIFICATE and KEY (files) it speaks HTTPS, as an API server asks of a provider.
package main

import (
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	port, redirect := os.Getenv("PORT"), os.Getenv("REDIRECT_URI")
	certificate, key := os.Getenv("CERTIFICATE"), os.Getenv("KEY")
	scheme := "http"
	if certificate != "" {
		scheme = "https"
	}
	issuer := scheme + "://localhost:" + port + "/"
	storage.RegisterClients(storage.NativeClient("runs", redirect))
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	router := exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), logger, false)
	listener, err := net.Listen("tcp4", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	if certificate != "" {
		log.Fatal(http.ServeTLS(listener, router, certificate, key))
	}
	log.Fatal(http.Serve(listener, router))
}
