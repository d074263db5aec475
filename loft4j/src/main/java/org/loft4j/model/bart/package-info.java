/**
 * BART and what has its shape: Lewis et al. 2019 (arXiv:1910.13461), mBART (arXiv:2001.08210, arXiv:2008.00401), M2M-100
 * (arXiv:2010.11125), NLLB (arXiv:2207.04672) and PEGASUS (arXiv:1912.08777).
 */
@NullMarked
package org.loft4j.model.bart;

import org.jspecify.annotations.NullMarked;
