import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Reads and writes JSON, which Java's standard library does not. Your project has Jackson or Gson for that; then this
 * file is not needed.
 *
 * <p>Objects are maps, arrays are lists, numbers are {@link BigDecimal}.
 */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    static String write(Object value) {
        if (value instanceof Map<?, ?> object) {
            return object.entrySet().stream().map(e -> write(e.getKey()) + ":" + write(e.getValue()))
                    .collect(Collectors.joining(",", "{", "}"));
        }
        if (value instanceof List<?> array) {
            return array.stream().map(Json::write).collect(Collectors.joining(",", "[", "]"));
        }
        if (value instanceof BigDecimal number) {
            return number.toPlainString();
        }
        return value instanceof String string ? quote(string) : String.valueOf(value);
    }

    private static String quote(String string) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : string.toCharArray()) {
            if (c < ' ' || c == '"' || c == '\\') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }

    /** Reads an object. Anything else is an IllegalArgumentException. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> read(String text) {
        try {
            Json json = new Json(text);
            Object value = json.value();
            if (value instanceof Map && json.peek() == 0) {
                return (Map<String, Object>) value;
            }
        } catch (IndexOutOfBoundsException | NumberFormatException e) {
            // It ends too early, or has a number that is none.
        }
        throw new IllegalArgumentException("not a JSON object");
    }

    private Object value() {
        switch (peek()) {
            case '{':
                Map<String, Object> object = new LinkedHashMap<>();
                for (at++; peek() != '}'; skip(',', '}')) {
                    String name = string();
                    expect(':');
                    object.put(name, value());
                }
                at++;
                return object;
            case '[':
                List<Object> array = new ArrayList<>();
                for (at++; peek() != ']'; skip(',', ']')) {
                    array.add(value());
                }
                at++;
                return array;
            case '"':
                return string();
            default:
                int from = at;
                while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) {
                    at++;
                }
                String word = text.substring(from, at);
                return switch (word) {
                    case "true" -> true;
                    case "false" -> false;
                    case "null" -> null;
                    default -> new BigDecimal(word);
                };
        }
    }

    private String string() {
        expect('"');
        StringBuilder out = new StringBuilder();
        for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
            if (c != '\\') {
                out.append(c);
                continue;
            }
            char escaped = text.charAt(at++);
            int simple = "bfnrt".indexOf(escaped);
            if (simple >= 0) {
                out.append("\b\f\n\r\t".charAt(simple));
            } else if (escaped == 'u') {
                out.append((char) Integer.parseInt(text.substring(at, at += 4), 16));
            } else {
                out.append(escaped);
            }
        }
        return out.toString();
    }

    /** The next character that is no white space; 0 at the end. */
    private char peek() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return at < text.length() ? text.charAt(at) : 0;
    }

    private void expect(char c) {
        if (peek() != c) {
            throw new IllegalArgumentException("not JSON");
        }
        at++;
    }

    /** Goes past a separator, unless what it separates ends here. */
    private void skip(char separator, char end) {
        if (peek() != end) {
            expect(separator);
        }
    }
}
