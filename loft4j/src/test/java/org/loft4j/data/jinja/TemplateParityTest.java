package org.loft4j.data.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What Python's jinja2 3.1.6 makes of our own templates, in the environment that Transformers sets up for chat templates. */
class TemplateParityTest {
    private static final ZonedDateTime NOW = ZonedDateTime.of(2025, 3, 7, 5, 6, 7, 0, ZoneOffset.UTC);

    @Test
    void rendersAsTheReference() throws IOException {
        JsonNode file;
        try (InputStream in = TemplateParityTest.class.getResourceAsStream("/fixtures/chat/engine.json")) {
            file = new ObjectMapper().readTree(in);
        }
        int rendered = 0;
        for (JsonNode one : file.get("cases")) {
            String source = one.get("template").textValue();
            Map<String, Object> variables = map(one.has("context") ? one.get("context") : file.get("context"));
            if (one.has("error")) {
                assertThrows(
                        TemplateException.class, () -> Template.parse(source).render(variables, NOW), source);
            } else {
                rendered++;
                assertEquals(
                        one.get("rendered").textValue(),
                        Template.parse(source).render(variables, NOW).text(),
                        source);
            }
        }
        assertTrue(rendered > 100, rendered + " cases");
    }

    static Map<String, Object> map(JsonNode object) {
        Map<String, Object> map = new LinkedHashMap<>();
        object.properties().forEach(entry -> map.put(entry.getKey(), value(entry.getValue())));
        return map;
    }

    private static Object value(JsonNode node) {
        if (node.isArray()) {
            List<Object> list = new ArrayList<>();
            node.forEach(element -> list.add(value(element)));
            return list;
        } else if (node.isObject()) {
            return map(node);
        } else if (node.isIntegralNumber()) {
            return node.longValue();
        } else if (node.isNumber()) {
            return node.doubleValue();
        }
        return node.isBoolean() ? (Object) node.booleanValue() : node.textValue();
    }
}
