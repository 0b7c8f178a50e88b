// SPDX-License-Identifier: Apache-2.0
//
// Peer: gorilla/websocket (Debian's golang-github-gorilla-websocket-dev) in the shape of its chat example: a hub
// goroutine per room, a channel and two goroutines per client. Clients of one path hear each other. Prints its port.
//
// GO111MODULE=off GOPATH=/usr/share/gocode go build -o gorilla_hub main.go

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/gorilla/websocket"
)

const queued = 1024 // messages waiting per client, before it counts as too slow

type client struct {
	socket *websocket.Conn
	send   chan []byte
}

type hub struct {
	join, leave chan *client
	publish     chan []byte
}

func newHub() *hub {
	h := &hub{make(chan *client), make(chan *client), make(chan []byte, 256)}
	go h.run()
	return h
}

func (h *hub) run() {
	clients := map[*client]bool{}
	for {
		select {
		case c := <-h.join:
			clients[c] = true
		case c := <-h.leave:
			if clients[c] {
				delete(clients, c)
				close(c.send)
			}
		case text := <-h.publish:
			for c := range clients {
				select {
				case c.send <- text:
				default:
					delete(clients, c)
					close(c.send)
				}
			}
		}
	}
}

func (c *client) write() {
	for text := range c.send {
		if c.socket.WriteMessage(websocket.TextMessage, text) != nil {
			break
		}
	}
	c.socket.Close()
}

func (c *client) read(h *hub) {
	for {
		_, text, err := c.socket.ReadMessage()
		if err != nil {
			break
		}
		h.publish <- text
	}
	h.leave <- c
	c.socket.Close()
}

func main() {
	var lock sync.Mutex
	hubs := map[string]*hub{}
	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		lock.Lock()
		h := hubs[r.URL.Path]
		if h == nil {
			h = newHub()
			hubs[r.URL.Path] = h
		}
		lock.Unlock()
		c := &client{socket, make(chan []byte, queued)}
		h.join <- c
		go c.write()
		go c.read(h)
	})
	port := "0"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, nil)
}
