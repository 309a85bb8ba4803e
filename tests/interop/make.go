package main

import (
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rand"
	"fmt"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	origin = "go.example/kt/1"
	size   = 333
	older  = 200
)

// makeLog writes a log, what it signed, and proofs, all made by Go.
func (f folder) makeLog() {
	var hashes storedHashes
	var bundle []byte
	for i := range int64(size) {
		entry := fmt.Appendf(nil, "entry %d", i)
		stored, err := tlog.StoredHashes(i, entry, hashes)
		must(err)
		hashes = append(hashes, stored...)
		bundle, err = torchwood.AppendTileEntry(bundle, entry)
		must(err)
		// A bundle has the entries under one tile of level 0.
		if (i+1)%torchwood.TileWidth == 0 || i+1 == size {
			tile := tlog.Tile{H: torchwood.TileHeight, L: -1, N: i / torchwood.TileWidth}
			tile.W = int(i%torchwood.TileWidth) + 1
			f.write("go/"+torchwood.TilePath(tile), bundle)
			bundle = nil
		}
	}
	for _, tile := range tlog.NewTiles(torchwood.TileHeight, 0, size) {
		data, err := tlog.ReadTileData(tile, hashes)
		must(err)
		f.write("go/"+torchwood.TilePath(tile), data)
	}
	root, err := tlog.TreeHash(size, hashes)
	must(err)
	olderRoot, err := tlog.TreeHash(older, hashes)
	must(err)

	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	must(err)
	logSigner, err := note.NewSigner(skey)
	must(err)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	w1, err := torchwood.NewCosignatureSigner("witness.example/go1", key)
	must(err)
	keyPQ, err := mldsa.GenerateKey(mldsa.MLDSA44())
	must(err)
	w2, err := torchwood.NewCosignatureSigner("witness.example/go2", keyPQ)
	must(err)
	text := torchwood.Checkpoint{Origin: origin, Tree: tlog.Tree{N: size, Hash: root}}.String()
	signed, err := note.Sign(&note.Note{Text: text}, logSigner, w1, w2)
	must(err)
	f.write("go.checkpoint", signed)
	f.write("go.policy", fmt.Appendf(nil, `# made by Go
log %s
witness one %s https://one.example/
witness two %s
group both all one two
quorum both
`, vkey, w1.Verifier(), w2.Verifier()))

	record, err := tlog.ProveRecord(size, 77, hashes)
	must(err)
	f.write("go.proof", torchwood.FormatProofWithExtraData(77, []byte("extra"), record, signed))
	var inclusions []Inclusion
	for i := range int64(size) {
		proof, err := tlog.ProveRecord(size, i, hashes)
		must(err)
		inclusions = append(inclusions, Inclusion{i, bytesOf(proof)})
	}
	f.writeJSON("go.inclusions.json", inclusions)
	proof, err := tlog.ProveTree(size, older, hashes)
	must(err)
	f.writeJSON("go.consistency.json",
		Consistency{older, size, olderRoot[:], root[:], bytesOf(proof)})
}

// storedHashes is a tree in memory.
type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = s[index]
	}
	return found, nil
}
