package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The colours of the lines, against what they are drawn on, as the contrast of WCAG 2. */
class ColoursTest {
    private static final Pattern ROOT = Pattern.compile(":root \\{(.*?)}", Pattern.DOTALL);
    private static final Pattern COLOUR = Pattern.compile("--([\\w-]+): (#(?:[0-9a-f]{3}){1,2});");

    private static String served(String path) throws IOException {
        return new String(PageFiles.served().get(path).content(), StandardCharsets.UTF_8);
    }

    @Test
    void everyLineIsSeenInBothSchemes() throws IOException {
        List<Map<String, String>> schemes = ROOT.matcher(served("/page/page.css"))
                .results()
                .map(match -> colours(match.group(1)))
                .filter(colours -> colours.containsKey("run-0"))
                .toList();
        assertEquals(2, schemes.size());
        for (Map<String, String> scheme : schemes) {
            Set<String> lines = new HashSet<>();
            scheme.forEach((name, colour) -> {
                if (name.startsWith("run-")) {
                    lines.add(colour);
                    for (String behind : List.of("panel", "ground")) {
                        double contrast = contrast(colour, scheme.get(behind));
                        assertTrue(contrast >= 3, name + " " + colour + " on the " + behind + ": " + contrast);
                    }
                }
            });
            assertTrue(served("/page/store.js").contains("const COLOURS = " + lines.size() + ";"), lines.toString());
        }
    }

    private static Map<String, String> colours(String block) {
        Map<String, String> colours = new LinkedHashMap<>();
        Matcher each = COLOUR.matcher(block);
        while (each.find()) {
            String digits = each.group(2).substring(1);
            colours.put(each.group(1), digits.length() == 3 ? digits.replaceAll(".", "$0$0") : digits);
        }
        return colours;
    }

    private static double contrast(String one, String other) {
        double a = luminance(one);
        double b = luminance(other);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }

    private static double luminance(String colour) {
        double[] weights = {0.2126, 0.7152, 0.0722};
        double sum = 0;
        for (int i = 0; i < 3; i++) {
            double value = Integer.parseInt(colour.substring(2 * i, 2 * i + 2), 16) / 255.0;
            sum += weights[i] * (value <= 0.04045 ? value / 12.92 : Math.pow((value + 0.055) / 1.055, 2.4));
        }
        return sum;
    }
}
