package desired

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"io"
)

// maxUnpacked bounds what a label may unpack to, in bytes.
const maxUnpacked = 8 << 20

// pack writes a value for a label: JSON, deflated, base64.
func pack(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(data); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(buf.Bytes()), nil
}

// unpack reads what pack has written.
func unpack(label string, v any) error {
	packed, err := base64.RawURLEncoding.DecodeString(label)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxUnpacked))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
