#include "evp.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/opensslv.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#if OPENSSL_VERSION_MAJOR < 3
#error "key openssl needs the headers of OpenSSL 3 or later"
#endif

// take_error returns the first error in the queue of this thread, which caused the
// others, and empties the queue.
static unsigned long take_error(void) {
	unsigned long first = ERR_get_error();
	ERR_clear_error();
	return first;
}

int payermax_configure(int strictly, unsigned long *failed) {
	ERR_clear_error();
	OPENSSL_INIT_SETTINGS *settings = OPENSSL_INIT_new();
	if (settings == NULL) {
		*failed = take_error();
		return 0;
	}
	if (strictly) // without the flags that ignore a missing file and errors
		OPENSSL_INIT_set_config_file_flags(settings, CONF_MFLAGS_DEFAULT_SECTION);
	int loaded = OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, settings);
	if (!loaded)
		*failed = take_error();
	OPENSSL_INIT_free(settings);
	return loaded;
}

EVP_PKEY *payermax_key(const unsigned char *numbers, size_t width, size_t count, unsigned long *failed) {
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
		OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	};
	OSSL_PARAM params[sizeof names / sizeof *names + 1];
	for (size_t i = 0; i < count; i++)
		params[i] = OSSL_PARAM_construct_BN(names[i], (unsigned char *)numbers + i * width, width);
	params[count] = OSSL_PARAM_construct_end();

	ERR_clear_error();
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	if (ctx == NULL
		|| EVP_PKEY_fromdata_init(ctx) != 1
		|| EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1) {
		*failed = take_error();
		key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

size_t payermax_sign(EVP_PKEY *key, const unsigned char *digest, size_t digest_size,
	unsigned char *signature, size_t size, unsigned long *failed) {
	ERR_clear_error();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (ctx == NULL
		|| EVP_PKEY_sign_init(ctx) != 1
		|| EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1
		|| EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1
		|| EVP_PKEY_sign(ctx, signature, &size, digest, digest_size) != 1) {
		*failed = take_error();
		size = 0;
	}
	EVP_PKEY_CTX_free(ctx);
	return size;
}

const char *payermax_provider(EVP_PKEY *key) {
	const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);
	return provider == NULL ? "" : OSSL_PROVIDER_get0_name(provider);
}
