package grammar

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// Nested sets a field from a block, which may be given once.
func Nested[T, V any](field func(*T) **V, block Block[V]) Setter[T] {
	return Into(field, func(d *caddyfile.Dispenser, target **V) error {
		if *target != nil {
			return d.Errf("%s is already set", d.Val())
		}
		if err := NoArgs(d); err != nil {
			return err
		}
		*target = new(V)
		return block.ReadBlock(d, *target)
	}).around(block)
}

// List appends to a field from a block that may be repeated. head reads the arguments before
// the block; if head is nil, arguments are refused.
func List[T, V any](field func(*T) *[]V, head func(d *caddyfile.Dispenser, target *V) error, block Block[V]) Setter[T] {
	if head == nil {
		head = func(d *caddyfile.Dispenser, _ *V) error { return NoArgs(d) }
	}
	return Into(field, func(d *caddyfile.Dispenser, target *[]V) error {
		var item V
		if err := head(d, &item); err != nil {
			return err
		}
		if err := block.ReadBlock(d, &item); err != nil {
			return err
		}
		*target = append(*target, item)
		return nil
	}).around(block)
}

// Map adds to a field from a block that may be repeated, each time with a different argument,
// which is the key.
func Map[T, V any](field func(*T) *map[string]V, block Block[V]) Setter[T] {
	return Into(field, func(d *caddyfile.Dispenser, target *map[string]V) error {
		name := d.Val()
		var key string
		if !d.AllArgs(&key) {
			return ErrValues
		}
		if err := NotEmpty(d, name, key); err != nil {
			return err
		}
		if _, ok := (*target)[key]; ok {
			return d.Errf("%s %s is already set", name, key)
		}
		var item V
		if err := block.ReadBlock(d, &item); err != nil {
			return err
		}
		Put(target, key, item)
		return nil
	}).around(block)
}

// Put adds to a map that may be nil.
func Put[V any](target *map[string]V, key string, value V) {
	if *target == nil {
		*target = make(map[string]V)
	}
	(*target)[key] = value
}

// around adds the options of the following block to the row.
func (s Setter[T]) around(block interface{ Describe() *Table }) Setter[T] {
	withoutBlock := s.describe
	s.describe = func(row *Row) {
		withoutBlock(row)
		row.Block = block.Describe()
	}
	return s
}
