package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;

/**
 * An ordinary trainable tensor.
 *
 * @param name identifies the tensor in saved state and reports
 * @param tensor a leaf that requires its gradient
 */
public record NamedParameter(String name, Tensor tensor) {}
