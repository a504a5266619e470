import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;

/**
 * Reads documents, one a line in base64, and says what Jackson finds under the names of
 * its arguments: in a tree, in maps that keep each digit, and in a bean whose names may
 * be in any case. See parsers.go.
 */
public class Parsers {
    private static final ObjectMapper plain = new ObjectMapper();
    private static final ObjectMapper exact = JsonMapper.builder().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();
    private static final ObjectMapper lenient = JsonMapper.builder()
            .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_PROPERTIES)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

    /** What an application declares that binds what it is sent to classes. */
    public static class Members {
        public Object code, msg, notifyType, appId, merchantAppId, merchantNo, spMerchantNo;
        public Object outTradeNo, outRefundNo, refundTradeNo, tradeToken, requestId, userId;
        public Object totalAmount, refundAmount, amount, payAmount, currency, refundCurrency, status;
    }

    public static class Whole extends Members {
        public Members data;
    }

    interface Reader {
        Map<?, ?> read(byte[] document) throws Exception;
    }

    static String fact(Object value) {
        if (value == null) return "-";
        if (value instanceof Boolean) return (Boolean) value ? "t" : "f";
        if (value instanceof Double || value instanceof Float) return "d" + value;
        if (value instanceof Number) return "n" + value;
        if (value instanceof String) return "s" + Base64.getEncoder().encodeToString(((String) value).getBytes(StandardCharsets.UTF_8));
        return "c";
    }

    static String read(Reader reader, byte[] document, String[] names) {
        try {
            Map<?, ?> top = reader.read(document);
            Map<?, ?> data = top.get("data") instanceof Map ? (Map<?, ?>) top.get("data") : Map.of();
            StringJoiner facts = new StringJoiner(" ");
            for (Map<?, ?> object : List.of(top, data)) {
                for (String name : names) facts.add(fact(object.get(name)));
            }
            return facts.toString();
        } catch (MismatchedInputException e) {
            return "?"; // data is no object, so nobody would declare it like this
        } catch (Exception | StackOverflowError e) {
            return "!";
        }
    }

    static Map<?, ?> members(Whole whole) throws Exception {
        Map<String, Object> top = fields(whole);
        top.put("data", whole.data == null ? null : fields(whole.data));
        return top;
    }

    static Map<String, Object> fields(Object bean) throws Exception {
        Map<String, Object> found = new HashMap<>();
        for (Field field : Members.class.getFields()) found.put(field.getName(), field.get(bean));
        return found;
    }

    static Map<?, ?> whole(ObjectMapper mapper, byte[] document) throws Exception {
        JsonNode tree = mapper.reader().with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).readTree(document);
        if (!tree.isObject()) throw new IllegalArgumentException();
        return mapper.treeToValue(tree, Map.class);
    }

    /** Adds fastjson, which reads into maps and into beans, if it is in the class path. */
    static void addFastjson(List<Reader> readers) throws Exception {
        Class<?> json;
        try {
            json = Class.forName("com.alibaba.fastjson.JSON");
        } catch (ClassNotFoundException e) {
            return;
        }
        Method toMap = json.getMethod("parseObject", String.class), toBean = json.getMethod("parseObject", String.class, Class.class);
        readers.add(document -> (Map<?, ?>) toMap.invoke(null, new String(document, StandardCharsets.UTF_8)));
        readers.add(document -> members((Whole) toBean.invoke(null, new String(document, StandardCharsets.UTF_8), Whole.class)));
    }

    public static void main(String[] names) throws Exception {
        List<Reader> readers = new ArrayList<>(List.of(
                document -> whole(plain, document), document -> whole(exact, document),
                document -> members(lenient.readValue(document, Whole.class))));
        addFastjson(readers);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = in.readLine()) != null; ) {
            byte[] document = Base64.getDecoder().decode(line);
            StringJoiner views = new StringJoiner("|");
            for (Reader reader : readers) views.add(read(reader, document, names));
            System.out.println(views);
        }
    }
}
