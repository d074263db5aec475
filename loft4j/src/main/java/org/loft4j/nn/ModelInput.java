package org.loft4j.nn;

/** One batch as a model takes it: tokens, the pixels of images, or texts and what is written of them. */
public sealed interface ModelInput permits TokenInput, ImageInput, SourceTargetInput {}
