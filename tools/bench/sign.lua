-- Fills the envelope and signs it by OpenSSL, which is called through FFI.
local ffi, cjson = require "ffi", require "cjson.safe"
ffi.cdef [[
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct bio_st BIO;
BIO *BIO_new_mem_buf(const void *buf, int len);
EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bp, EVP_PKEY **x, void *cb, void *u);
const EVP_MD *EVP_sha256(void);
EVP_MD_CTX *EVP_MD_CTX_new(void);
int EVP_MD_CTX_reset(EVP_MD_CTX *ctx);
int EVP_DigestSignInit(EVP_MD_CTX *ctx, void **pctx, const EVP_MD *type, void *e, EVP_PKEY *pkey);
int EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *sig, size_t *siglen, const unsigned char *tbs, size_t tbslen);
]]
local crypto = ffi.load "libcrypto.so.3"
local size, buffer = ffi.new "size_t[1]", ffi.new "unsigned char[1024]"

return function(keyfile, app_id)
	local pem = assert(io.open(keyfile)):read "*a"
	local key = crypto.PEM_read_bio_PrivateKey(crypto.BIO_new_mem_buf(pem, #pem), nil, nil, nil)
	assert(key ~= nil, "no key")
	local context, sha256 = crypto.EVP_MD_CTX_new(), crypto.EVP_sha256()

	return function()
		ngx.req.read_body()
		local request = cjson.decode(ngx.req.get_body_data() or "")
		if type(request) ~= "table" or type(request.data) ~= "table" then return ngx.exit(400) end
		ngx.update_time()
		local now = ngx.now()
		local body = cjson.encode {
			version = "1.5", keyVersion = "1", appId = app_id, data = request.data,
			requestTime = os.date("!%Y-%m-%dT%H:%M:%S", now) .. string.format(".%03d+00:00", now % 1 * 1000),
		}
		size[0] = 1024
		crypto.EVP_MD_CTX_reset(context)
		if crypto.EVP_DigestSignInit(context, nil, sha256, nil, key) ~= 1
			or crypto.EVP_DigestSign(context, buffer, size, body, #body) ~= 1 then
			return ngx.exit(500)
		end
		ngx.req.set_header("sign", ngx.encode_base64(ffi.string(buffer, size[0])))
		ngx.req.set_body_data(body)
	end
end
