package org.loft4j.adapter;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The values that an adapter's layer starts with.
 *
 * @param loraA {@code (r, in)}
 * @param loraB {@code (out, r)}
 * @param magnitude DoRA's m, {@code (out)}; null for the norms of the weight's rows, or without DoRA
 */
record Factors(Tensor loraA, Tensor loraB, @Nullable Tensor magnitude) {}
