// Interop holds Countersign's log to what Go makes of it, and makes a log for Countersign to read.
//
//	interop check <folder>    reads what Countersign wrote, and prints one line for each check
//	interop make <folder>     writes what Go makes
//
// The formats are C2SP's signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-tiles
// and tlog-proof; who reads and writes them here is golang.org/x/mod/sumdb and filippo.io/torchwood.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: interop check|make <folder>")
		os.Exit(2)
	}
	folder := folder(os.Args[2])
	switch os.Args[1] {
	case "check":
		os.Exit(folder.check())
	case "make":
		folder.makeLog()
	default:
		fmt.Fprintln(os.Stderr, "unknown command")
		os.Exit(2)
	}
}

// A folder is where both sides put their files.
type folder string

func (f folder) read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(string(f), name))
	must(err)
	return data
}

func (f folder) lines(name string) []string {
	return strings.Split(strings.TrimSpace(string(f.read(name))), "\n")
}

func (f folder) readJSON(name string, to any) {
	must(json.Unmarshal(f.read(name), to))
}

func (f folder) write(name string, data []byte) {
	path := filepath.Join(string(f), name)
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	must(os.WriteFile(path, data, 0o644))
}

func (f folder) writeJSON(name string, value any) {
	data, err := json.Marshal(value)
	must(err)
	f.write(name, data)
}

// Inclusion is a proof that an entry is in the log; []byte is base64 in JSON.
type Inclusion struct {
	Index  int64    `json:"index"`
	Hashes [][]byte `json:"hashes"`
}

// Consistency is a proof that one tree continues another.
type Consistency struct {
	From   int64    `json:"from"`
	To     int64    `json:"to"`
	Older  []byte   `json:"older"`
	Newer  []byte   `json:"newer"`
	Hashes [][]byte `json:"hashes"`
}

func hashesOf(raw [][]byte) []tlog.Hash {
	hashes := make([]tlog.Hash, len(raw))
	for i, bytes := range raw {
		hashes[i] = hashOf(bytes)
	}
	return hashes
}

func bytesOf(hashes []tlog.Hash) [][]byte {
	raw := make([][]byte, len(hashes))
	for i, hash := range hashes {
		raw[i] = hash[:]
	}
	return raw
}

func hashOf(raw []byte) tlog.Hash {
	if len(raw) != tlog.HashSize {
		panic("not a hash")
	}
	return tlog.Hash(raw)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
