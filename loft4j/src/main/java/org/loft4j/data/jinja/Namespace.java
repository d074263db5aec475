package org.loft4j.data.jinja;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The one object that a template may change: {@code namespace(found=false)}. */
record Namespace(Map<String, @Nullable Object> values) {}
