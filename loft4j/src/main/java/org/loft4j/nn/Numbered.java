package org.loft4j.nn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What belongs together by the numbers in its paths. */
final class Numbered {
    private static final Pattern LAYER = Pattern.compile("^(.*?\\.\\d+)\\..*");

    private Numbered() {}

    /** Linear layers by the first number of their paths, in their order; those without one are left out. */
    static List<List<Linear>> layers(Map<String, Linear> linears) {
        Map<String, List<Linear>> layers = new LinkedHashMap<>();
        linears.forEach((path, linear) -> {
            Matcher numbered = LAYER.matcher(path);
            if (numbered.matches()) {
                layers.computeIfAbsent(numbered.group(1), name -> new ArrayList<>())
                        .add(linear);
            }
        });
        return List.copyOf(layers.values());
    }
}
