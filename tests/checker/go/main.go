// Command interop holds Tamga's vectors to other people's code: golang.org/x/mod/sumdb (note, tlog), transparency-dev/merkle,
// transparency-dev/formats, filippo.io/torchwood. Run by ledger/tests/vectors/golang.rs.
//
//	interop check FOLDER   compares the vectors in FOLDER; says what differs
//	interop make           makes a signed note and proofs, as JSON, for our code to verify
//	interop read COPY POLICY PROOFS
//	                       reads a copy of a ledger as any tlog, every entry against the checkpoint that the policy accepts, and
//	                       verifies PROOFS/<leaf>, which must be the bytes that they would write themselves
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"filippo.io/torchwood"
	"github.com/transparency-dev/formats/witness"
)

var checked, wrong int

func same(what string, ours, theirs bool) {
	checked++
	if ours != theirs {
		wrong++
		fmt.Printf("WRONG %s: we say %v, they say %v\n", what, ours, theirs)
	}
}

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

func hash(text string) (h tlog.Hash) {
	copy(h[:], unhex(text))
	return h
}

func list(path []string) (bytes [][]byte, hashes []tlog.Hash) {
	for _, one := range path {
		bytes, hashes = append(bytes, unhex(one)), append(hashes, hash(one))
	}
	return bytes, hashes
}

func load(folder, name string, into any) {
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		panic(err)
	}
}

type trees struct {
	Leaves    []struct{ Entry, Hash string }       `json:"sha256_leaves"`
	Nodes     []struct{ Left, Right, Hash string } `json:"sha256_nodes"`
	Roots     []string                             `json:"sha256_roots"`
	Inclusion []struct {
		What, Leaf, Root string
		Index, Size      int64
		Path             []string
		Valid            bool
	} `json:"sha256_inclusion"`
	Consistency []struct {
		What    string
		OldSize int64  `json:"old_size"`
		NewSize int64  `json:"new_size"`
		OldRoot string `json:"old_root"`
		NewRoot string `json:"new_root"`
		Path    []string
		Valid   bool
	} `json:"sha256_consistency"`
}

// entry i of trees.json.
func entry(number int) []byte {
	var eight [8]byte
	for at := range eight {
		eight[at] = byte(number >> (8 * (7 - at)))
	}
	return bytes.Repeat(eight[:], 9)[:number%70]
}

type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		found = append(found, s[index])
	}
	return found, nil
}

func grow(size int) (s stored) {
	for number := 0; number < size; number++ {
		hashes, err := tlog.StoredHashes(int64(number), entry(number), s)
		if err != nil {
			panic(err)
		}
		s = append(s, hashes...)
	}
	return s
}

func checkTrees(folder string) {
	var v trees
	load(folder, "trees.json", &v)
	for _, c := range v.Leaves {
		same("leaf", true, tlog.RecordHash(unhex(c.Entry)) == hash(c.Hash))
		same("leaf", true, bytes.Equal(rfc6962.DefaultHasher.HashLeaf(unhex(c.Entry)), unhex(c.Hash)))
	}
	for _, c := range v.Nodes {
		same("node", true, tlog.NodeHash(hash(c.Left), hash(c.Right)) == hash(c.Hash))
	}
	s := grow(len(v.Roots) - 1)
	for size, root := range v.Roots {
		found, err := tlog.TreeHash(int64(size), s)
		same(fmt.Sprintf("root %d", size), true, err == nil && found == hash(root))
	}
	for _, c := range v.Inclusion {
		path, hashes := list(c.Path)
		err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(c.Index), uint64(c.Size), unhex(c.Leaf), path, unhex(c.Root))
		same("merkle, inclusion, "+c.What, c.Valid, err == nil)
		if c.Index < c.Size {
			err = tlog.CheckRecord(hashes, c.Size, hash(c.Root), c.Index, hash(c.Leaf))
			same("tlog, inclusion, "+c.What, c.Valid, err == nil)
		}
	}
	for _, c := range v.Consistency {
		// Of the empty tree each has a convention of its own.
		if c.OldSize == 0 || c.NewSize == 0 {
			continue
		}
		path, hashes := list(c.Path)
		err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(c.OldSize), uint64(c.NewSize), path, unhex(c.OldRoot), unhex(c.NewRoot))
		same("merkle, consistency, "+c.What, c.Valid, err == nil)
		if c.OldSize < c.NewSize {
			err = tlog.CheckTree(hashes, c.NewSize, hash(c.NewRoot), c.OldSize, hash(c.OldRoot))
			same("tlog, consistency, "+c.What, c.Valid, err == nil)
		}
	}
}

func checkNotes(folder string) {
	var v struct {
		Vkeys []struct {
			Name, Vkey string
			Type       int
		}
		Checkpoints []struct {
			What, Note string
			ByGenesis  struct{ Accepted bool } `json:"by_genesis"`
		}
	}
	load(folder, "checkpoints.json", &v)
	var log, cosigner note.Verifier
	for _, c := range v.Vkeys {
		var err error
		if c.Type == 1 {
			log, err = note.NewVerifier(c.Vkey)
		} else {
			cosigner, err = fnote.NewVerifierForCosignatureV1(c.Vkey)
		}
		same("vkey "+c.Name, true, err == nil)
	}
	for _, c := range v.Checkpoints {
		opened, err := note.Open([]byte(c.Note), note.VerifierList(log, cosigner))
		if c.ByGenesis.Accepted {
			same("note, "+c.What, true, err == nil)
			same("log signature, "+c.What, true, err == nil && signed(opened, log))
			// All but the one that a standby key signed instead.
			if c.What != "by a standby key" {
				same("cosignature, "+c.What, true, err == nil && signed(opened, cosigner))
			}
		}
	}
}

// What we refuse and they read: lines that do not end with a line feed, leading zeros, the same name or key in two places.
var lenient = map[string]bool{
	"no newline at the end": true, "carriage returns": true, "a member of two groups": true, "threshold with a leading zero": true,
	"a key twice": true, "a group named none": true, "two quorum lines": true, "threshold zero": true,
}

func checkPolicies(folder string) {
	var v struct {
		Policies []struct {
			What, Text string
			Parses     bool
		}
		Vkeys []struct {
			Vkey string
			Type int
		}
		Checkpoints []struct {
			What, Note string
			ByGenesis  struct{ Accepted bool } `json:"by_genesis"`
		}
		GenesisPolicy string `json:"genesis_policy"`
	}
	load(folder, "checkpoints.json", &v)
	for _, c := range v.Policies {
		_, err := torchwood.ParsePolicy([]byte(c.Text))
		if c.Parses || !lenient[c.What] {
			same("torchwood, policy, "+c.What, c.Parses, err == nil)
		}
		// Theirs is a log's, which has to know where its witnesses are.
		var text []string
		for _, line := range strings.Split(c.Text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "witness") {
				line, _, _ = strings.Cut(line, "#")
				line += " https://witness.example"
			}
			text = append(text, line)
		}
		_, err = witness.ParsePolicy([]byte(strings.Join(text, "\n")))
		if c.Parses || !lenient[c.What] {
			same("formats, policy, "+c.What, c.Parses, err == nil)
		}
	}
	text := v.GenesisPolicy
	for _, c := range v.Vkeys {
		if c.Type == 1 {
			text += "log " + c.Vkey + "\n"
		}
	}
	policy, err := torchwood.ParsePolicy([]byte(text))
	check(err)
	for _, c := range v.Checkpoints {
		_, _, err := torchwood.VerifyCheckpoint([]byte(c.Note), policy)
		if what, other := elsewhere[c.What]; !other {
			same("checkpoint by the policy, "+c.What, c.ByGenesis.Accepted, err == nil)
		} else {
			same("checkpoint by the policy, "+c.What+" ("+what+")", !c.ByGenesis.Accepted, err == nil)
		}
	}
}

// Where we refuse what they accept, on purpose.
var elsewhere = map[string]string{
	"61 strangers beside: 65 signatures":             "at most 64 lines are read",
	"a false cosignature beside a sufficient quorum": "they look at the first line of a key, we at each",
	"no blake3 line":          "the second tree's root is a part of our checkpoints",
	"a second extension line": "there is one",
	"a time above 2^63 - 1":   "C2SP tlog-cosignature asks for that",
}

func read(folder, policyFile, proofs string) {
	text, err := os.ReadFile(policyFile)
	check(err)
	policy, err := torchwood.ParsePolicy(text)
	check(err)
	files, err := torchwood.NewTileFS(os.DirFS(folder))
	check(err)
	client, err := torchwood.NewClient(files)
	check(err)
	signed, err := files.ReadEndpoint(context.Background(), "checkpoint")
	check(err)
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	check(err)
	count := int64(0)
	for range client.AllEntries(context.Background(), checkpoint.Tree, 0) {
		count++
	}
	check(client.Err())
	same("entries", true, count == checkpoint.N)
	for index := range checkpoint.N {
		entry, path, err := client.Entry(context.Background(), checkpoint.Tree, index)
		check(err)
		ours, err := os.ReadFile(filepath.Join(proofs, fmt.Sprint(index)))
		check(err)
		hash := tlog.RecordHash(entry)
		same(fmt.Sprintf("proof of %d", index), true, torchwood.VerifyProof(policy, hash, ours) == nil)
		same(fmt.Sprintf("bytes of the proof of %d", index), true, bytes.Equal(ours, torchwood.FormatProof(index, path, signed)))
		hash[7] ^= 1
		same(fmt.Sprintf("proof of something else at %d", index), false, torchwood.VerifyProof(policy, hash, ours) == nil)
	}
}

func signed(n *note.Note, by note.Verifier) bool {
	for _, signature := range n.Sigs {
		if signature.Name == by.Name() && signature.Hash == by.KeyHash() {
			return true
		}
	}
	return false
}

type made struct {
	Vkey, Note  string
	Root        string
	OldRoot     string
	OldSize     int64
	Size        int64
	Inclusion   map[string][]string
	Consistency []string
	TilePaths   map[string]string
}

func texts(hashes []tlog.Hash) []string {
	found := []string{}
	for _, one := range hashes {
		found = append(found, hex.EncodeToString(one[:]))
	}
	return found
}

func makeThem() {
	skey, vkey, err := note.GenerateKey(rand.New(rand.NewSource(7)), "rehearsal.example/go")
	check(err)
	signer, err := note.NewSigner(skey)
	check(err)
	const size, old = 261, 37
	s := grow(size)
	root, err := tlog.TreeHash(size, s)
	check(err)
	before, err := tlog.TreeHash(old, s)
	check(err)
	text := fmt.Sprintf("rehearsal.example/go\n%d\n%s\nblake3 %s\n", size, root, base64.StdEncoding.EncodeToString(make([]byte, 32)))
	message, err := note.Sign(&note.Note{Text: text}, signer)
	check(err)
	m := made{Vkey: vkey, Note: string(message), Root: hex.EncodeToString(root[:]), OldRoot: hex.EncodeToString(before[:]), OldSize: old, Size: size, Inclusion: map[string][]string{}, TilePaths: map[string]string{}}
	for _, index := range []int64{0, 1, 36, 37, 128, 255, 256, 260} {
		path, err := tlog.ProveRecord(size, index, s)
		check(err)
		m.Inclusion[fmt.Sprint(index)] = texts(path)
	}
	path, err := tlog.ProveTree(size, old, s)
	check(err)
	m.Consistency = texts(path)
	for _, tile := range []tlog.Tile{{H: 8, L: 0, N: 0, W: 256}, {H: 8, L: 0, N: 1, W: 5}, {H: 8, L: 1, N: 1234067, W: 256}, {H: 8, L: -1, N: 999, W: 256}} {
		m.TilePaths[fmt.Sprintf("%d %d %d", tile.L, tile.N, tile.W)] = tile.Path()
	}
	check(json.NewEncoder(os.Stdout).Encode(m))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "check" {
		checkTrees(os.Args[2])
		checkNotes(os.Args[2])
		checkPolicies(os.Args[2])
	} else if len(os.Args) == 5 && os.Args[1] == "read" {
		read(os.Args[2], os.Args[3], os.Args[4])
	} else {
		makeThem()
		return
	}
	fmt.Printf("%d comparisons, %d wrong\n", checked, wrong)
	if wrong > 0 {
		os.Exit(1)
	}
}
