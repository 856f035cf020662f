// Starts the back end as Grafana does, with the library that Grafana does it with (hashicorp/go-plugin), and asks
// it: health, then each query for the last 30 days.
//
//	host PROGRAM ADDRESS QUERY...
//
// For example: host target/debug/gpx_driftline http://127.0.0.1:7447 '{"model":"fraud-demo"}'. With the packages
// golang-go, golang-github-hashicorp-go-plugin-dev and golang-google-protobuf-dev of Debian it builds without
// a module proxy:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o /tmp/host grafana/tools/host/main.go
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// raw leaves messages as bytes: the host of a test needs no generated code.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *(v.(*[]byte)), nil }
func (raw) Unmarshal(b []byte, v interface{}) error {
	*(v.(*[]byte)) = append([]byte(nil), b...)
	return nil
}
func (raw) Name() string { return "proto" }

// conn gives the connection itself.
type conn struct{ plugin.NetRPCUnsupportedPlugin }

func (conn) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }
func (conn) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (interface{}, error) {
	return c, nil
}

func field(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}
func number(b []byte, n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: host PROGRAM ADDRESS QUERY...")
		os.Exit(2)
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		Cmd:              exec.Command(os.Args[1]),
		HandshakeConfig:  plugin.HandshakeConfig{ProtocolVersion: 2, MagicCookieKey: "grafana_plugin_type", MagicCookieValue: "datasource"},
		VersionedPlugins: map[int]plugin.PluginSet{2: {"data": conn{}, "diagnostics": conn{}, "resource": conn{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Warn}),
	})
	rpc, err := client.Client()
	if err != nil {
		panic(err)
	}
	fmt.Println("negotiated", client.NegotiatedVersion(), "ping", rpc.Ping())
	got, err := rpc.Dispense("data")
	if err != nil {
		panic(err)
	}
	c := got.(*grpc.ClientConn)
	// Numbers of fields are those of backend/proto/pluginv2.proto.
	settings := field(nil, 8, []byte(`{"address":"`+os.Args[2]+`"}`))
	plugged := field(nil, 5, settings)
	call := func(method string, request []byte) []byte {
		var answer []byte
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := c.Invoke(ctx, method, &request, &answer, grpc.ForceCodec(raw{})); err != nil {
			panic(err)
		}
		return answer
	}
	fmt.Printf("health %q\n", call("/pluginv2.Diagnostics/CheckHealth", field(nil, 1, plugged)))
	now := time.Now().UnixMilli()
	days := number(number(nil, 1, now-30*86400000), 2, now)
	for _, q := range os.Args[3:] {
		query := field(nil, 1, []byte("A"))
		query = number(query, 2, 1000)
		query = field(query, 4, days)
		query = field(query, 5, []byte(q))
		request := field(field(nil, 1, plugged), 3, query)
		answer := call("/pluginv2.Data/QueryData", request)
		fmt.Printf("%s: %d bytes: %.120q\n", q, len(answer), answer)
	}
	start := time.Now()
	client.Kill()
	fmt.Println("exited", client.Exited(), "after", time.Since(start).Round(time.Millisecond))
}
