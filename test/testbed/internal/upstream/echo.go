package upstream

import (
	"net/http"

	"github.com/gorilla/websocket"
)

// EchoPath answers a WebSocket with whatever it says: Kubeflow's notebooks and terminals speak over such streams.
const EchoPath = "/testbed/echo"

// echoLimit is the longest message that is echoed, in bytes.
const echoLimit = 1 << 20

// echo sends each message back until the client leaves. A request that is no WebSocket gets the upgrader's 400.
func echo(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{}
	stream, err := upgrader.Upgrade(w, r, w.Header())
	if err != nil {
		return // the upgrader has answered
	}
	defer stream.Close()
	stream.SetReadLimit(echoLimit)
	for {
		kind, message, err := stream.ReadMessage()
		if err != nil {
			return
		}
		if err := stream.WriteMessage(kind, message); err != nil {
			return
		}
	}
}
