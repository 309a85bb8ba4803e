package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// check prints "ok <what>" or "FAILED <what>: <why>" for each check, and answers the exit status.
func (f folder) check() int {
	status := 0
	say := func(what string, err error) {
		if err != nil {
			status = 1
			fmt.Printf("FAILED %s: %v\n", what, err)
			return
		}
		fmt.Printf("ok %s\n", what)
	}

	signed := f.read("checkpoint")
	logKeys, witnessKeys := f.lines("log.keys"), f.lines("witness.keys")

	// The log's own signature, with nothing but the Go project's package.
	plain, err := note.NewVerifier(logKeys[0])
	must(err)
	opened, err := note.Open(signed, note.VerifierList(plain))
	say("note.Open opens the checkpoint by the log's Ed25519 key", err)
	if err != nil {
		return status
	}
	if len(opened.UnverifiedSigs) != 3 {
		say("the other signatures are there", errors.New("not three of them"))
	}
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + opened.Text[len(plain.Name())+1:]))
	say("the checkpoint's size and root are those of a tree", err)
	checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
	say("the checkpoint is one of tlog-checkpoint", err)
	if checkpoint.Tree != tree || checkpoint.Origin != plain.Name() {
		say("both agree about the checkpoint", errors.New("they do not"))
	}

	// Each other key by itself.
	logPQ, err := torchwood.NewLogVerifier(logKeys[1])
	say("the log's ML-DSA-44 key is one", err)
	_, err = note.Open(signed, note.VerifierList(logPQ))
	say("note.Open opens the checkpoint by the log's ML-DSA-44 key", err)
	for _, vkey := range witnessKeys {
		verifier, err := torchwood.NewCosignatureVerifier(vkey)
		say("a witness key is one", err)
		cosigned, err := note.Open(signed, note.VerifierList(verifier))
		say("a witness's cosignature verifies", err)
		if err != nil {
			continue
		}
		time, err := torchwood.CosignatureTimestamp(cosigned.Sigs[0])
		if err == nil && time != 1_800_000_000 {
			err = fmt.Errorf("it is %d", time)
		}
		say("a cosignature's time is the one it was made with", err)
	}

	policy, err := torchwood.ParsePolicy(f.read("policy"))
	say("the policy is one of tlog-policy", err)
	_, _, err = torchwood.VerifyCheckpoint(signed, policy)
	say("the checkpoint meets the policy", err)
	_, _, err = torchwood.VerifyCheckpoint(f.read("checkpoint.alone"), policy)
	say("a checkpoint without witnesses does not meet the policy", expectError(err))

	f.checkTiles(say, tree)
	f.checkProofs(say, tree, policy)
	return status
}

// checkTiles rebuilds the tree out of the files that the log serves.
func (f folder) checkTiles(say func(string, error), tree tlog.Tree) {
	reader := tlog.TileHashReader(tree, tileFiles(f))
	root, err := tlog.TreeHash(tree.N, reader)
	if err == nil && root != tree.Hash {
		err = errors.New("another root")
	}
	// The root is made of the upper tiles; the leaves make it read the others too.
	leaves := make([]int64, tree.N)
	for i := range leaves {
		leaves[i] = tlog.StoredHashIndex(0, int64(i))
	}
	if err == nil {
		_, err = reader.ReadHashes(leaves)
	}
	say("tlog.TileHashReader authenticates every tile", err)

	files, err := torchwood.NewTileFS(os.DirFS(filepath.Join(string(f), "log")))
	must(err)
	client, err := torchwood.NewClient(files)
	must(err)
	count := int64(0)
	var all []byte
	for index, entry := range client.AllEntries(context.Background(), tree, 0) {
		if index != count {
			say("entries come in order", fmt.Errorf("entry %d at %d", index, count))
		}
		count++
		all, err = torchwood.AppendTileEntry(all, entry)
		must(err)
	}
	err = client.Err()
	if err == nil && count != tree.N {
		err = fmt.Errorf("%d of %d", count, tree.N)
	}
	if err == nil && !bytes.Equal(all, f.read("entries")) {
		err = errors.New("other entries")
	}
	say("torchwood's client reads every entry and authenticates it", err)
}

func (f folder) checkProofs(say func(string, error), tree tlog.Tree, policy torchwood.Policy) {
	entries := f.read("entries")
	var leaves []tlog.Hash
	for len(entries) > 0 {
		entry, rest, err := torchwood.ReadTileEntry(entries)
		must(err)
		leaves = append(leaves, tlog.RecordHash(entry))
		entries = rest
	}

	var inclusions []Inclusion
	f.readJSON("inclusions.json", &inclusions)
	var err error
	for _, proof := range inclusions {
		leaf := leaves[proof.Index]
		err = errors.Join(err, tlog.CheckRecord(hashesOf(proof.Hashes), tree.N, tree.Hash, proof.Index, leaf))
	}
	say(fmt.Sprintf("tlog.CheckRecord accepts %d inclusion proofs", len(inclusions)), err)

	var consistencies []Consistency
	f.readJSON("consistencies.json", &consistencies)
	err = nil
	for _, proof := range consistencies {
		older, newer := hashOf(proof.Older), hashOf(proof.Newer)
		err = errors.Join(err, tlog.CheckTree(hashesOf(proof.Hashes), proof.To, newer, proof.From, older))
	}
	say(fmt.Sprintf("tlog.CheckTree accepts %d consistency proofs", len(consistencies)), err)

	text := f.read("proof")
	last := leaves[len(leaves)-1]
	say("torchwood.VerifyProof accepts the tlog-proof", torchwood.VerifyProof(policy, last, text))
	extra, err := torchwood.ProofExtraData(text)
	if err == nil && string(extra) != "extra" {
		err = errors.New("other bytes")
	}
	say("the tlog-proof's extra bytes are there", err)
	err = torchwood.VerifyProof(policy, leaves[0], text)
	say("the tlog-proof is of no other entry", expectError(err))
}

// tileFiles reads the tiles of tlog-tiles for the Go project's own reader.
type tileFiles string

func (tileFiles) Height() int                     { return torchwood.TileHeight }
func (tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (f tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		bytes, err := os.ReadFile(filepath.Join(string(f), "log", torchwood.TilePath(tile)))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

func expectError(err error) error {
	if err == nil {
		return errors.New("it was accepted")
	}
	return nil
}
