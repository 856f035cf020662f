// Starts the back end as Grafana does, with the library that Grafana does it with (hashicorp/go-plugin), and checks
// what it answers: the handshake, health, menus, a wrong query, an abandoned one, each query of a file for the last
// days, and its end. Exit code 1 if something is not as it has to be.
//
//	host [-frames DIR] PROGRAM ADDRESS QUERIES
//
// QUERIES has a line of JSON for each query, {"name": "fleet.1.A", "days": 7, "query": {..}}; its frames are kept
// as DIR/NAME.N.arrow. ADDRESS is that of a server that has the model fraud-demo. With Debian's packages golang-go and
// golang-github-hashicorp-go-plugin-dev (which brings gRPC and protobuf) it builds without a module proxy:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o host grafana/tools/host/*.go
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// Days that are asked for, unless a query says otherwise.
	usualDays = 31
	day       = 86400 * 1000
	// How long a call may take.
	patience = 60 * time.Second
	// How long the end may take: after two seconds go-plugin kills.
	endPatience = 1500 * time.Millisecond
)

// conn gives the connection itself.
type conn struct{ plugin.NetRPCUnsupportedPlugin }

func (conn) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }
func (conn) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (interface{}, error) {
	return c, nil
}

// check ends the program if something is not so.
func check(isSo bool, format string, arguments ...interface{}) {
	if !isSo {
		fmt.Fprintf(os.Stderr, "failed: "+format+"\n", arguments...)
		plugin.CleanupClients()
		os.Exit(1)
	}
}

func must(err error, what string) { check(err == nil, "%s: %v", what, err) }

// host is a running back end.
type host struct {
	conn    *grpc.ClientConn
	context []byte
	now     int64
}

func (h host) call(ctx context.Context, method string, request []byte) ([]byte, error) {
	var answer []byte
	err := h.conn.Invoke(ctx, method, &request, &answer, grpc.ForceCodec(raw{}))
	return answer, err
}

// ask asks of the last days.
func (h host) ask(ctx context.Context, days int64, stored []byte) (answer, error) {
	request := bytesField(bytesField(nil, 1, h.context), 3, query(h.now-days*day, h.now, stored))
	response, err := h.call(ctx, "/pluginv2.Data/QueryData", request)
	if err != nil {
		return answer{}, err
	}
	return answerOf(response)
}

// health checks that the data source is well.
func (h host) health() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := h.call(ctx, "/pluginv2.Diagnostics/CheckHealth", bytesField(nil, 1, h.context))
	must(err, "CheckHealth")
	told, err := parse(response)
	must(err, "CheckHealth")
	check(told.numbers[1] == 1, "CheckHealth: status %d: %s", told.numbers[1], told.text(2))
	check(strings.Contains(told.text(2), "model"), "CheckHealth names no models: %s", told.text(2))
}

// resource asks for what fills a menu: status and body.
func (h host) resource(path string) (uint64, []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request := bytesField(nil, 1, h.context)
	request = bytesField(request, 2, []byte(path))
	request = bytesField(request, 3, []byte("GET"))
	request = bytesField(request, 4, []byte(path))
	stream, err := h.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/pluginv2.Resource/CallResource",
		grpc.ForceCodec(raw{}))
	must(err, "CallResource")
	must(stream.SendMsg(&request), "CallResource")
	must(stream.CloseSend(), "CallResource")
	var response []byte
	must(stream.RecvMsg(&response), "CallResource")
	told, err := parse(response)
	must(err, "CallResource")
	return told.numbers[1], []byte(told.text(3))
}

// menus checks what fills them.
func (h host) menus() {
	code, body := h.resource("models")
	var listed struct{ Models []string }
	must(json.Unmarshal(body, &listed), "models")
	check(code == 200 && len(listed.Models) == 1 && listed.Models[0] == "fraud-demo", "models: %d %s", code, body)
	code, body = h.resource("models/fraud-demo")
	var model struct{ Features []struct{ Name string } }
	must(json.Unmarshal(body, &model), "models/fraud-demo")
	check(code == 200 && len(model.Features) == 8, "models/fraud-demo: %d %s", code, body)
	code, body = h.resource("models/none")
	check(code == 404, "models/none: %d %s", code, body)
}

// mistakes checks that a wrong query is told, and that a call which nobody waits for any more takes nothing along.
func (h host) mistakes() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := h.ask(ctx, usualDays, []byte(`{"model":"fraud-demo","metrics":["psy"]}`))
	must(err, "a wrong query")
	check(got.status >= 400 && got.errorSource == "downstream" && strings.Contains(got.error, "psy"),
		"a wrong query: %+v", got)

	brief, give := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer give()
	_, err = h.ask(brief, usualDays, []byte(`{"model":"fraud-demo","exact":true,"window":"1h","metrics":["psi","ks","wasserstein"]}`))
	code := status.Code(err)
	check(code == codes.DeadlineExceeded || code == codes.Canceled, "an abandoned query: %v", err)
	h.health()
}

// queries asks each of a file, and keeps frames if there is a folder.
func (h host) queries(file, folder string) (asked, frames int) {
	lines, err := os.Open(file)
	must(err, "queries")
	defer lines.Close()
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var one struct {
			Name  string
			Days  int64
			Query json.RawMessage
		}
		must(json.Unmarshal(scanner.Bytes(), &one), "queries")
		if one.Days == 0 {
			one.Days = usualDays
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		got, err := h.ask(ctx, one.Days, one.Query)
		cancel()
		must(err, one.Name)
		check(got.error == "", "%s: %s: %s", one.Name, one.Query, got.error)
		check(len(got.frames) > 0, "%s: %s: no frame", one.Name, one.Query)
		for at, frame := range got.frames {
			isArrow := bytes.HasPrefix(frame, []byte("ARROW1")) && bytes.HasSuffix(frame, []byte("ARROW1"))
			check(isArrow, "%s: frame %d is no Arrow file", one.Name, at)
			if folder != "" {
				path := filepath.Join(folder, fmt.Sprintf("%s.%d.arrow", one.Name, at))
				must(os.WriteFile(path, frame, 0o644), one.Name)
			}
			frames++
		}
		asked++
	}
	must(scanner.Err(), "queries")
	check(asked > 0, "%s has no query", file)
	return asked, frames
}

func main() {
	folder := flag.String("frames", "", "folder to keep frames in")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "usage: host [-frames DIR] PROGRAM ADDRESS QUERIES")
		os.Exit(2)
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		Cmd:              exec.Command(flag.Arg(0)),
		HandshakeConfig:  plugin.HandshakeConfig{ProtocolVersion: 2, MagicCookieKey: "grafana_plugin_type", MagicCookieValue: "datasource"},
		VersionedPlugins: map[int]plugin.PluginSet{2: {"data": conn{}, "diagnostics": conn{}, "resource": conn{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Managed:          true,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Warn}),
	})
	rpc, err := client.Client()
	must(err, "the handshake")
	check(client.NegotiatedVersion() == 2, "version %d was agreed on", client.NegotiatedVersion())
	must(rpc.Ping(), "ping")
	got, err := rpc.Dispense("data")
	must(err, "dispense")
	h := host{got.(*grpc.ClientConn), pluginContext(flag.Arg(1)), time.Now().UnixMilli()}
	h.health()
	h.menus()
	h.mistakes()
	asked, frames := h.queries(flag.Arg(2), *folder)

	start := time.Now()
	client.Kill()
	took := time.Since(start)
	check(client.Exited() && took < endPatience, "it ended after %s", took)
	fmt.Printf("host: %d queries, %d frames; it ended within %s\n", asked, frames, took.Round(time.Millisecond))
}
