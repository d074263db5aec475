package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Python's tuple: a list that prints with round brackets and equals no list. */
record Tuple(List<@Nullable Object> values) {
    Tuple {
        values = Collections.unmodifiableList(new ArrayList<>(values));
    }
}
