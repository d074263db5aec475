package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The functions that every template finds. */
final class Globals {
    private static final long LONGEST_RANGE = 100_000;

    private Globals() {}

    static void define(Frame frame) {
        frame.set("range", (Callable) Globals::range);
        frame.set("namespace", (Callable) call -> new Namespace(mapping(call)));
        frame.set("dict", (Callable) Globals::mapping);
        frame.set("raise_exception", (Callable) call -> {
            throw new TemplateException(Values.text(call.atMost(1, "message").required(0, "message")));
        });
        frame.set("strftime_now", (Callable)
                call -> TimeFormat.format(call.atMost(1, "format").text(0, "format"), call.frame().rendering.now));
    }

    private static List<@Nullable Object> range(Arguments call) {
        boolean one = call.atMost(3).values().size() == 1;
        long start = one ? 0 : Values.integer(call.required(0, "start"));
        long stop = Values.integer(call.required(one ? 0 : 1, "stop"));
        long step = call.number(2, "step", 1);
        if (step == 0) {
            throw new TemplateException("the step of a range must not be 0");
        }
        List<@Nullable Object> numbers = new ArrayList<>();
        for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
            if (numbers.size() == LONGEST_RANGE) {
                throw new TemplateException("a range has more than " + LONGEST_RANGE + " numbers");
            }
            numbers.add(i);
        }
        call.frame().rendering.make(24 + 10L * numbers.size());
        return numbers;
    }

    private static Map<String, @Nullable Object> mapping(Arguments call) {
        Map<String, @Nullable Object> made = new LinkedHashMap<>();
        if (!call.values().isEmpty()) {
            Object given = call.values().get(0);
            if (given instanceof Map<?, ?> map) {
                map.forEach((key, value) -> made.put(Values.text(key), value));
            } else {
                for (Object pair : Values.list(given, call.frame().rendering)) {
                    List<@Nullable Object> both = Values.list(pair, call.frame().rendering);
                    if (both.size() != 2) {
                        throw Values.fault(pair, "is no pair of key and value");
                    }
                    made.put(Values.text(both.get(0)), both.get(1));
                }
            }
        }
        made.putAll(call.named());
        call.frame().rendering.make(Cost.made(made));
        return made;
    }
}
