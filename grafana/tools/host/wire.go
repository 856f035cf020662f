// Messages of Grafana's plugin protocol as bytes: a host for tests needs no generated code. Numbers of fields are
// those of backend/proto/pluginv2.proto.
package main

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// raw leaves messages as they are.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *(v.(*[]byte)), nil }
func (raw) Unmarshal(b []byte, v interface{}) error {
	*(v.(*[]byte)) = append([]byte(nil), b...)
	return nil
}
func (raw) Name() string { return "proto" }

func bytesField(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

func intField(b []byte, n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
}

// fields are those of a message: texts and messages in order, numbers as they came last.
type fields struct {
	texts   map[protowire.Number][][]byte
	numbers map[protowire.Number]uint64
}

func (f fields) text(n protowire.Number) string {
	if len(f.texts[n]) == 0 {
		return ""
	}
	return string(f.texts[n][0])
}

func parse(b []byte) (fields, error) {
	found := fields{map[protowire.Number][][]byte{}, map[protowire.Number]uint64{}}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return found, protowire.ParseError(n)
		}
		b = b[n:]
		switch kind {
		case protowire.BytesType:
			var value []byte
			if value, n = protowire.ConsumeBytes(b); n >= 0 {
				found.texts[number] = append(found.texts[number], value)
			}
		case protowire.VarintType:
			var value uint64
			if value, n = protowire.ConsumeVarint(b); n >= 0 {
				found.numbers[number] = value
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return found, protowire.ParseError(n)
		}
		b = b[n:]
	}
	return found, nil
}

// context is a PluginContext of a data source with this address.
func pluginContext(address string) []byte {
	settings, err := json.Marshal(map[string]string{"address": address})
	if err != nil {
		panic(err)
	}
	return bytesField(nil, 5, bytesField(nil, 8, settings))
}

// query is a DataQuery of letter A over an interval, milliseconds.
func query(from, to int64, stored []byte) []byte {
	q := bytesField(nil, 1, []byte("A"))
	q = intField(q, 2, 1000)
	q = bytesField(q, 4, intField(intField(nil, 1, from), 2, to))
	return bytesField(q, 5, stored)
}

// answer is a DataResponse.
type answer struct {
	frames      [][]byte
	error       string
	status      uint64
	errorSource string
}

// answerOf reads the answer to the query of letter A.
func answerOf(response []byte) (answer, error) {
	outer, err := parse(response)
	if err != nil {
		return answer{}, err
	}
	for _, entry := range outer.texts[1] {
		pair, err := parse(entry)
		if err != nil {
			return answer{}, err
		}
		if pair.text(1) != "A" || len(pair.texts[2]) == 0 {
			continue
		}
		inner, err := parse(pair.texts[2][0])
		return answer{inner.texts[1], inner.text(2), inner.numbers[4], inner.text(5)}, err
	}
	return answer{}, fmt.Errorf("there is no answer of letter A")
}
