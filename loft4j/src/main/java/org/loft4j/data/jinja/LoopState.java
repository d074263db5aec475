package org.loft4j.data.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The variable {@code loop}. */
final class LoopState {
    private final List<@Nullable Object> items;
    private int index;
    private @Nullable Object last;

    LoopState(List<@Nullable Object> items) {
        this.items = items;
    }

    void advance() {
        index++;
    }

    @Nullable
    Object attribute(String name) {
        return switch (name) {
            case "index" -> index + 1L;
            case "index0" -> (long) index;
            case "revindex" -> (long) items.size() - index;
            case "revindex0" -> items.size() - index - 1L;
            case "first" -> index == 0;
            case "last" -> index == items.size() - 1;
            case "length" -> (long) items.size();
            case "depth" -> 1L;
            case "depth0" -> 0L;
            case "previtem" -> index == 0 ? new Undefined("there is no previous item") : items.get(index - 1);
            case "nextitem" ->
                index == items.size() - 1 ? new Undefined("there is no next item") : items.get(index + 1);
            case "cycle" ->
                (Callable) arguments -> {
                    if (arguments.values().isEmpty()) {
                        throw new TemplateException("no items for cycling given");
                    }
                    return arguments.values().get(index % arguments.values().size());
                };
            case "changed" -> (Callable) this::changed;
            default -> new Undefined("'loop' has no attribute '" + name + "'");
        };
    }

    private Object changed(Arguments arguments) {
        Tuple now = new Tuple(arguments.values());
        boolean changed = !Values.equal(last, now, arguments.frame().rendering);
        last = now;
        return changed;
    }
}
