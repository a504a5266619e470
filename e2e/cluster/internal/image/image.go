// Package image makes container images without an engine or a registry, as archives that containerd
// imports.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
)

// File is a file of an image or, without content, a directory.
type File struct {
	Path    string
	Content []byte
	Mode    int64
	Owner   int // user and group
	Folder  bool
}

// Image describes an image to be packed by Archive.
type Image struct {
	Name       string // with a tag
	Files      []File // directories before their contents
	Entrypoint []string
	Cmd        []string
	Env        []string
	User       string
}

// Archive returns the image in the format of `docker save`, with one layer.
func (i Image) Archive() (io.Reader, error) {
	var layer bytes.Buffer
	if err := write(&layer, i.Files); err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux",
		"config": map[string]any{"Entrypoint": i.Entrypoint, "Cmd": i.Cmd, "Env": i.Env, "User": i.User},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}},
	})
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%x.json", sha256.Sum256(config))
	manifest, err := json.Marshal([]map[string]any{{"Config": name, "RepoTags": []string{i.Name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return nil, err
	}
	archive := new(bytes.Buffer)
	return archive, write(archive, []File{
		{Path: name, Content: config, Mode: 0o644}, {Path: "layer.tar", Content: layer.Bytes(), Mode: 0o644}, {Path: "manifest.json", Content: manifest, Mode: 0o644},
	})
}

func write(w io.Writer, files []File) error {
	archive := tar.NewWriter(w)
	for _, file := range files {
		header := &tar.Header{Name: file.Path, Mode: file.Mode, Uid: file.Owner, Gid: file.Owner, Size: int64(len(file.Content)), Typeflag: tar.TypeReg}
		if file.Folder {
			header.Name, header.Typeflag = file.Path+"/", tar.TypeDir
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(file.Content); err != nil {
			return err
		}
	}
	return archive.Close()
}
