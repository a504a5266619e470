// Reads documents, one a line in base64, and says what it finds under the names of its
// arguments: as parsed, and in a copy that Object.assign makes. See parsers.go.
const names = process.argv.slice(2);

function fact(value) {
  if (value === null || value === undefined) return '-';
  switch (typeof value) {
    case 'boolean': return value ? 't' : 'f';
    case 'number': return 'd' + String(value);
    case 'string': return 's' + Buffer.from(value, 'utf8').toString('base64');
    default: return 'c';
  }
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function read(document, use) {
  try {
    const top = JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(document));
    if (!isObject(top)) return '!';
    const data = isObject(top.data) ? top.data : {};
    return [top, data].map(use).flatMap((object) => names.map((name) => fact(object[name]))).join(' ');
  } catch {
    return '!';
  }
}

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const document = Buffer.from(line, 'base64');
  process.stdout.write(read(document, (o) => o) + '|' + read(document, (o) => Object.assign({}, o)) + '\n');
});
