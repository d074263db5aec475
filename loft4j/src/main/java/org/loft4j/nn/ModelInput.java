package org.loft4j.nn;

/** One batch as a model takes it: tokens, or the pixels of images. */
public sealed interface ModelInput permits TokenInput, ImageInput {}
