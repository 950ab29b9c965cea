package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxValue is the most bytes that a value may have.
const maxValue = 64 << 10

// entry is one line of the journal: the key has that value from there on.
type entry struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// store keeps keys and values in memory and every change in a journal that is
// on the disk before the answer goes out.
type store struct {
	mu      sync.Mutex
	values  map[string]string
	journal *os.File
}

// openStore reads the journal in dir and goes on writing at its end. A last
// line that a crash has torn is dropped: nobody was told that it is kept.
func openStore(dir string) (*store, error) {
	journal, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	opened := &store{values: map[string]string{}, journal: journal}
	if err := opened.load(); err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	return opened, nil
}

// load replays the journal and cuts off what follows its last whole line.
func (s *store) load() error {
	reader := bufio.NewReader(s.journal)
	var whole int64
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var read entry
		if err := json.Unmarshal(line, &read); err != nil {
			return fmt.Errorf("%s: offset %d: %w", s.journal.Name(), whole, err)
		}
		s.values[read.Key] = read.Value
		whole += int64(len(line))
	}
	if err := s.journal.Truncate(whole); err != nil {
		return err
	}
	_, err := s.journal.Seek(whole, io.SeekStart)
	return err
}

// close closes the journal.
func (s *store) close() error { return s.journal.Close() }

// set keeps a value. The caller holds the lock.
func (s *store) set(key, value string) error {
	line, err := json.Marshal(entry{key, value})
	if err != nil {
		return err
	}
	if _, err := s.journal.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := s.journal.Sync(); err != nil {
		return err
	}
	s.values[key] = value
	return nil
}

// handler is the store over HTTP:
//
//	GET  /keys?prefix=P       the keys, one per line, sorted
//	GET  /keys/{key}          a value, or 404
//	PUT  /keys/{key}          keeps a value
//	POST /increment/{key}     adds one to a number and answers it
func (s *store) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") })
	mux.HandleFunc("GET /keys", s.list)
	mux.HandleFunc("GET /keys/{key...}", s.read)
	mux.HandleFunc("PUT /keys/{key...}", s.write)
	mux.HandleFunc("POST /increment/{key...}", s.increment)
	return mux
}

// list answers the keys that start with the prefix.
func (s *store) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		if strings.HasPrefix(key, r.FormValue("prefix")) {
			fmt.Fprintln(w, key)
		}
	}
}

// read answers a value.
func (s *store) read(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	value, ok := s.values[r.PathValue("key")]
	s.mu.Unlock()
	if !ok {
		http.Error(w, "no such key", http.StatusNotFound)
		return
	}
	fmt.Fprint(w, value)
}

// write keeps a value.
func (s *store) write(w http.ResponseWriter, r *http.Request) {
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxValue))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	err = s.set(r.PathValue("key"), string(value))
	s.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// increment adds one to a number; a key that is not there counts as 0.
func (s *store) increment(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.PathValue("key")
	number := 0
	if value, ok := s.values[key]; ok {
		var err error
		if number, err = strconv.Atoi(value); err != nil {
			http.Error(w, key+" is no number", http.StatusConflict)
			return
		}
	}
	if err := s.set(key, strconv.Itoa(number+1)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, number+1)
}
