package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The methods of mappings and lists; those that would change them are refused, as the sandbox of the reference refuses them. */
final class Methods {
    private static final Set<String> CHANGING = Set.of(
            "append",
            "clear",
            "extend",
            "insert",
            "pop",
            "popitem",
            "remove",
            "reverse",
            "setdefault",
            "sort",
            "update");

    private Methods() {}

    static @Nullable Callable find(@Nullable Object object, String name) {
        Callable method = object instanceof String text
                ? StringMethods.find(text, name)
                : object instanceof Map<?, ?> map
                        ? ofMap(map, name)
                        : object instanceof List<?> list
                                ? ofList(list, name, true)
                                : object instanceof Tuple tuple ? ofList(tuple.values(), name, false) : null;
        return method == null ? null : counted(object, method);
    }

    /** A method whose work and result are counted. */
    private static Callable counted(@Nullable Object object, Callable method) {
        return call -> {
            Rendering rendering = call.frame().rendering;
            rendering.work(Cost.work(object, call));
            Object made = method.call(call);
            rendering.make(Cost.made(made));
            return made;
        };
    }

    private static @Nullable Callable ofMap(Map<?, ?> map, String name) {
        return switch (name) {
            case "items" ->
                call -> {
                    call.atMost(0);
                    List<@Nullable Object> items = new ArrayList<>();
                    map.forEach((key, value) -> items.add(pair(key, value)));
                    return items;
                };
            case "keys" -> call -> new ArrayList<@Nullable Object>(map.keySet());
            case "values" -> call -> new ArrayList<@Nullable Object>(map.values());
            case "copy" -> call -> new LinkedHashMap<@Nullable Object, @Nullable Object>(map);
            case "get" ->
                call -> {
                    Object key = Values.key(call.atMost(2, "default").required(0, "key"));
                    return map.containsKey(key) ? map.get(key) : call.get(1, "default", null);
                };
            default -> changing(name, Set.of("append", "extend", "insert", "remove", "reverse", "sort"), "mapping");
        };
    }

    static Tuple pair(@Nullable Object key, @Nullable Object value) {
        List<@Nullable Object> both = new ArrayList<>();
        both.add(key);
        both.add(value);
        return new Tuple(both);
    }

    private static @Nullable Callable ofList(List<?> list, String name, boolean mutable) {
        return switch (name) {
            case "index" ->
                call -> {
                    Object wanted = call.required(0, "value");
                    for (int i = 0; i < list.size(); i++) {
                        if (Values.equal(list.get(i), wanted, call.frame().rendering)) {
                            return (long) i;
                        }
                    }
                    throw Values.fault(wanted, "is not in the list");
                };
            case "count" ->
                call -> {
                    Object wanted = call.required(0, "value");
                    return list.stream()
                            .filter(value -> Values.equal(value, wanted, call.frame().rendering))
                            .count();
                };
            case "copy" -> call -> new ArrayList<@Nullable Object>(list);
            default -> mutable ? changing(name, Set.of("popitem", "setdefault", "update"), "list") : null;
        };
    }

    private static @Nullable Callable changing(String name, Set<String> others, String kind) {
        if (!CHANGING.contains(name) || others.contains(name)) {
            return null;
        }
        return call -> {
            throw new TemplateException("'" + name + "' would change a " + kind + ", which templates may not");
        };
    }
}
