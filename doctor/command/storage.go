package command

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// describeStorage reports whether this user cannot write to Caddy's data directory or to
// the directory for temporary files. In a container with a read-only root file system,
// neither is needed unless Caddy has to create or obtain certificates for the config.
func (c configTree) describeStorage(name, temporary, data string) []doctor.Result {
	const check = "storage"
	var lacks []string
	if err := tryWriting(temporary); err != nil {
		lacks = append(lacks, temporary+", for temporary files: "+reasonOf(err))
	}
	dataError := tryWriting(existing(data)) // Caddy creates missing directories
	if dataError != nil {
		lacks = append(lacks, data+", Caddy's data directory: "+reasonOf(dataError))
	}
	if len(lacks) == 0 || c.at("storage") != nil {
		return nil
	}
	message := "this user cannot write to " + strings.Join(lacks, ", nor to ")
	if dataError != nil && c.makesCertificates() {
		return []doctor.Result{found(name, check, doctor.Warning, message+"; Caddy must store the certificates there that this config makes it create",
			"mount a volume that this user can write to, and name it in XDG_DATA_HOME; or write http:// before the site's address")}
	}
	return []doctor.Result{found(name, check, doctor.OK, message+"; this config does not need it", "")}
}

// makesCertificates reports whether Caddy creates or obtains certificates for the config.
func (c configTree) makesCertificates() bool {
	if c.at("apps", "tls", "automation") != nil || c.at("apps", "tls", "certificates", "automate") != nil || c.at("apps", "pki") != nil {
		return true
	}
	for _, h := range c.handlers() {
		if h.becomesHTTPS {
			return true
		}
	}
	return false
}

// tryWriting writes an empty file into a directory, and removes it.
func tryWriting(directory string) error {
	file, err := os.CreateTemp(directory, "payermax-doctor-")
	if err != nil {
		return err
	}
	_ = file.Close()
	return os.Remove(file.Name())
}

// existing returns the directory, or its nearest parent that exists.
func existing(directory string) string {
	for {
		parent := filepath.Dir(directory)
		if _, err := os.Stat(directory); err == nil || parent == directory {
			return directory
		}
		directory = parent
	}
}

// reasonOf returns the operating system's error text, without the name of the file.
func reasonOf(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return err.Error()
}
