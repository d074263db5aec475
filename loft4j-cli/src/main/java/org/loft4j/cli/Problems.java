package org.loft4j.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;

/** Everything that is wrong with a call, so that it can be reported at once. */
final class Problems {
    private final List<String> messages = new ArrayList<>();

    void add(String message) {
        messages.add(message);
    }

    void addAll(List<String> more) {
        messages.addAll(more);
    }

    /** The value, or null if its configuration is wrong, which is then a problem. */
    <T> @Nullable T of(Supplier<T> value) {
        return Checks.collect(messages, value);
    }

    List<String> messages() {
        return List.copyOf(messages);
    }
}
