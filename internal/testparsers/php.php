<?php
// Reads documents, one a line in base64, and says what it finds under the names of its
// arguments, as arrays and as objects. See parsers.go.

$names = array_slice($argv, 1);

function fact($value): string
{
    return match (true) {
        $value === null => '-',
        is_bool($value) => $value ? 't' : 'f',
        is_int($value) => 'n' . $value,
        is_float($value) => 'd' . var_export($value, true),
        is_string($value) => 's' . base64_encode($value),
        default => 'c',
    };
}

function asArrays(string $document): string
{
    global $names;
    $top = json_decode($document, true);
    if (!is_array($top)) {
        return '!';
    }
    $data = is_array($top['data'] ?? null) ? $top['data'] : [];
    $facts = [];
    foreach ([$top, $data] as $object) {
        foreach ($names as $name) {
            $facts[] = fact($object[$name] ?? null);
        }
    }
    return implode(' ', $facts);
}

function asObjects(string $document): string
{
    global $names;
    $top = json_decode($document);
    if (!is_object($top)) {
        return '!';
    }
    $data = is_object($top->data ?? null) ? $top->data : new stdClass();
    $facts = [];
    foreach ([$top, $data] as $object) {
        foreach ($names as $name) {
            $facts[] = fact($object->$name ?? null);
        }
    }
    return implode(' ', $facts);
}

while (($line = fgets(STDIN)) !== false) {
    $document = base64_decode($line);
    echo asArrays($document), '|', asObjects($document), "\n";
}
