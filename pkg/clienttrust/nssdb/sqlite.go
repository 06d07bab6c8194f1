package nssdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The format is https://www.sqlite.org/fileformat2.html: pages of a B-tree, of
// which those of a table hold its rows. Nothing else is needed here, and a
// library for all of it would double this program.

var errDamaged = errors.New("the database is damaged")

const (
	headerSize = 100
	leafPage   = 13
	innerPage  = 5
)

// database is a file of SQLite in memory.
type database struct {
	data     []byte
	pageSize int
	usable   int // of a page
	walked   int // pages; more than there are is a circle
}

func openDatabase(data []byte) (*database, error) {
	if len(data) < headerSize || !bytes.HasPrefix(data, []byte("SQLite format 3\x00")) {
		return nil, errors.New("this is no database of SQLite")
	}
	size := int(binary.BigEndian.Uint16(data[16:]))
	if size == 1 {
		size = 1 << 16
	}
	d := &database{data: data, pageSize: size, usable: size - int(data[20])}
	switch {
	case data[18] > 1: // what was written last may stand in the file beside it
		return nil, errors.New("the database has a write-ahead log, which is not read here")
	case size < 512 || d.usable < 480:
		return nil, errDamaged
	}
	return d, nil
}

func (d *database) page(number int) ([]byte, error) {
	all := len(d.data) / d.pageSize
	if d.walked++; number < 1 || number > all || d.walked > all {
		return nil, errDamaged
	}
	end := number * d.pageSize
	return d.data[end-d.pageSize : end], nil
}

// table returns the rows of a table, by the names of its columns.
func (d *database) table(name string) ([]map[string][]byte, error) {
	schema, err := d.rows(1, []string{"type", "name", "tbl_name", "rootpage", "sql"})
	if err != nil {
		return nil, err
	}
	for _, entry := range schema {
		if string(entry["type"]) == "table" && string(entry["name"]) == name {
			return d.rows(d.size(number(entry["rootpage"])), columns(string(entry["sql"])))
		}
	}
	return nil, fmt.Errorf("the database has no table %s", name)
}

// columns reads their names off CREATE TABLE name (one …, two …).
func columns(sql string) []string {
	_, list, _ := strings.Cut(sql, "(")
	var names []string
	for part := range strings.SplitSeq(strings.TrimSuffix(list, ")"), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		names = append(names, strings.Trim(name, "\"`[]"))
	}
	return names
}

// number reads a value as the big-endian number that it is stored as.
func number(value []byte) uint64 {
	var n uint64
	for _, b := range value[max(0, len(value)-8):] {
		n = n<<8 | uint64(b)
	}
	return n
}

// size is a length or a page's number that the file tells. What is more than the
// file has is as wrong as one above it.
func (d *database) size(told uint64) int {
	return int(min(told, uint64(len(d.data))+1)) //nolint:gosec // G115: a slice's length
}

// rows walks the tree below a page.
func (d *database) rows(root int, names []string) ([]map[string][]byte, error) {
	var rows []map[string][]byte
	for pages := []int{root}; len(pages) > 0; {
		at := pages[len(pages)-1]
		pages = pages[:len(pages)-1]
		page, err := d.page(at)
		if err != nil {
			return nil, err
		}
		header := page
		if at == 1 {
			header = page[headerSize:]
		}
		cells, size := int(binary.BigEndian.Uint16(header[3:])), 8
		if header[0] == innerPage {
			size = 12
			pages = append(pages, int(binary.BigEndian.Uint32(header[8:])))
		} else if header[0] != leafPage {
			return nil, errDamaged
		}
		for i := range cells {
			offset := size + 2*i
			if offset+2 > len(header) {
				return nil, errDamaged
			}
			start := int(binary.BigEndian.Uint16(header[offset:]))
			if start+4 > len(page) {
				return nil, errDamaged
			}
			if header[0] == innerPage {
				pages = append(pages, int(binary.BigEndian.Uint32(page[start:])))
				continue
			}
			row, err := d.row(page[start:], names)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// row reads a cell: the length of its record, the row's number, the record.
func (d *database) row(cell []byte, names []string) (map[string][]byte, error) {
	length, n := varint(cell)
	_, m := varint(cell[n:])
	record, err := d.record(cell[n+m:], d.size(length))
	if err != nil {
		return nil, err
	}
	headerLength, n := varint(record)
	end := d.size(headerLength)
	if end > len(record) || end < n {
		return nil, errDamaged
	}
	types, values := record[n:end], record[end:]
	row := map[string][]byte{}
	for _, name := range names {
		if len(types) == 0 {
			break // a column that was added later
		}
		kind, n := varint(types)
		types = types[n:]
		size := valueSize(kind)
		if size > uint64(len(values)) {
			return nil, errDamaged
		}
		if kind != 0 { // NULL
			row[name] = values[:size]
		}
		values = values[size:]
	}
	return row, nil
}

// valueSize is how long a value of a serial type is.
func valueSize(kind uint64) uint64 {
	switch {
	case kind >= 12:
		return (kind - 12) / 2
	case kind >= 8 || kind == 0: // the numbers 0 and 1 are their types
		return 0
	case kind == 7:
		return 8
	}
	return [...]uint64{0, 1, 2, 3, 4, 6, 8}[kind]
}

// record puts together what of a record stands in its cell and on pages of its
// own. start is where it begins.
func (d *database) record(start []byte, length int) ([]byte, error) {
	local := length
	if most := d.usable - 35; length > most {
		least := (d.usable-12)*32/255 - 23
		if local = least + (length-least)%(d.usable-4); local > most {
			local = least
		}
	}
	if local > len(start) || length > len(d.data) {
		return nil, errDamaged
	}
	if local == length {
		return start[:length], nil
	}
	if local+4 > len(start) {
		return nil, errDamaged
	}
	record := append(make([]byte, 0, length), start[:local]...)
	for next := int(binary.BigEndian.Uint32(start[local:])); len(record) < length; {
		page, err := d.page(next)
		if err != nil {
			return nil, err
		}
		next = int(binary.BigEndian.Uint32(page))
		record = append(record, page[4:min(d.usable, 4+length-len(record))]...)
	}
	return record, nil
}

// varint reads seven bits a byte, the first one highest, at most nine bytes.
func varint(data []byte) (value uint64, size int) {
	for size < len(data) && size < 8 {
		b := data[size]
		size++
		value = value<<7 | uint64(b&0x7f)
		if b < 0x80 {
			return value, size
		}
	}
	if size < len(data) {
		value, size = value<<8|uint64(data[size]), size+1
	}
	return value, size
}
