package validate

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// full contains valid blocks with every row of the table filled in, so that a test can break
// one row and nothing else.
var full = map[string]string{
	"applyDropinSession 1.5": `{
		"totalAmount": 100, "mitType": "SCHEDULED", "currency": "IDR", "country": "ID", "userId": "U1",
		"referralCode": "d41d8cd9", "tokenForFutureUse": false, "componentList": ["CARD"]
	}`,
	"applyDropinSession 1.6": `{
		"totalAmount": "100", "mitType": "SCHEDULED", "captureMode": "MANUAL", "authorizationType": "FINAL_AUTH",
		"currency": "IDR", "country": "ID", "userId": "U1", "referralCode": "d41d8cd9", "tokenForFutureUse": false,
		"componentList": ["CARD"]
	}`,
	"applyDropinSession 1.4": `{
		"totalAmount": "100", "mitType": "SCHEDULED", "captureMode": "MANUAL", "authorizationType": "FINAL_AUTH",
		"currency": "IDR", "country": "ID", "userId": "U1", "referralCode": "d41d8cd9", "tokenForFutureUse": false,
		"componentList": ["CARD"]
	}`,
	"orderAndPay 1.4": fullOrder, "orderAndPay 1.5": fullOrder,
	"orderQuery 1.4": `{"outTradeNo": "P1"}`, "orderQuery 1.5": `{"outTradeNo": "P1"}`,
	"refund 1.4": fullRefund, "refund 1.5": fullRefund,
	"refundQuery 1.4": `{"outRefundNo": "R1", "refundTradeNo": "T1"}`, "refundQuery 1.5": `{"outRefundNo": "R1", "refundTradeNo": "T1"}`,
	"capture 1.4": fullCapture, "capture 1.5": fullCapture,
	"cancel 1.4": `{"requestId": "C1", "outTradeNo": "P1"}`, "cancel 1.5": `{"requestId": "C1", "outTradeNo": "P1"}`,
}

const (
	fullRefund = `{
		"outRefundNo": "R1", "refundAmount": 100, "refundCurrency": "IDR", "outTradeNo": "P1", "tradeToken": "T1",
		"comments": "none", "refundNotifyUrl": "https://shop.example/payermax"
	}`
	fullCapture = `{"requestId": "C1", "outTradeNo": "P1", "currency": "IDR", "amount": 100}`

	fullOrder = `{
		"outTradeNo": "P1", "integrate": "Direct_Payment", "captureMode": "MANUAL", "authorizationType": "FINAL_AUTH",
		"subject": "Shoes", "totalAmount": 100, "currency": "IDR", "country": "ID", "userId": "U1", "expireTime": "1800",
		"referralCode": "d41d8cd9", "mitManagementUrl": "https://shop.example/plans", "language": "en", "riskParams": {"level": 1},
		"terminalType": "WEB", "osType": "IOS", "reference": "R", "frontCallbackUrl": "https://shop.example/paid",
		"notifyUrl": "https://shop.example/payermax", "subMerchant": {"subMerchantNo": "S1"},
		"envInfo": {"deviceId": "D1", "deviceLanguage": "en", "screenHeight": 768, "screenWidth": "1024"},
		"subscriptionPlan": {
			"subscriptionNo": "SUB1", "subject": "Plan", "description": "Shoes monthly", "totalPeriods": 12,
			"firstPeriodStartDate": "2026-08-26T12:00:00+00:00", "periodRule": {"periodUnit": "M", "periodCount": 1},
			"periodAmount": {"amount": 100, "currency": "IDR"},
			"trialPeriodConfig": {"trialPeriodCount": 1, "trialPeriodAmount": {"amount": 100, "currency": "IDR"}},
			"trialConfig": {"trialAmount": {"amount": 100, "currency": "IDR"}, "trialDays": 7},
			"merchantSubscriptionNo": "M1", "deductNo": "D1", "currentPeriod": 2, "startTime": "2026-08-26", "endTime": "2026-09-25"
		},
		"paymentDetail": {
			"paymentToken": "CPT1", "sessionKey": "K1", "paymentTokenID": "PM1", "paymentMethodType": "CARD", "targetOrg": "DANA",
			"allowedCardOrg": ["VISA"], "payAccountInfo": [{"accountNo": "A1", "accountNoType": "EMAIL"}],
			"cardInfo": {
				"cardIdentifierNo": "4111111111111111", "cardHolderFullName": "James Smith", "cardExpirationMonth": "05",
				"cardExpirationYear": "30", "cvv": "123", "stored": "Y", "dynamic3DS": "do3DS"
			},
			"buyerInfo": {
				"clientIp": "192.0.2.1", "userAgent": "Chrome", "firstName": "James", "middleName": "M", "lastName": "Smith",
				"email": "james@shop.example", "phoneNo": "903124360628", "phoneNoRegion": "90", "idType": "ID", "idNo": "1",
				"taxType": "CPF", "taxNo": "1", "address": "Street 1", "city": "Ankara", "region": "R", "zipCode": "06700"
			},
			"tokenForFutureUse": true, "merchantInitiated": false, "mitType": "SCHEDULED",
			"info3DSecure": {"threeDSVersion": "2.2.0", "eci": "05", "cavv": "c", "dsTransactionId": "d", "xid": "x"},
			"applePayPaymentData": {
				"applicationExpirationDate": "301231", "applicationPrimaryAccountNumber": "4111111111111111", "currencyCode": "360",
				"deviceManufacturerIdentifier": "040010030273", "paymentDataType": "3DSecure", "transactionAmount": "100",
				"paymentData": {"eciIndicator": "7", "onlinePaymentCryptogram": "AqhV"}, "network": "Visa", "type": "credit", "displayName": "V"
			},
			"googlePayDetails": {
				"authMethod": "PAN_ONLY", "pan": "4111111111111111", "expirationMonth": "12", "expirationYear": "2029",
				"cryptogram": "AAAA", "eciIndicator": "5", "description": "VISA 1111", "cardNetwork": "VISA", "cardHolderFullName": "James Smith"
			}
		},
		"goodsDetails": [{
			"goodsId": "G1", "goodsName": "Shoes", "quantity": "2", "price": "50", "goodsCurrency": "IDR",
			"showUrl": "https://shop.example/1", "goodsCategory": "clothes"
		}],
		"shippingInfo": {
			"firstName": "James", "middleName": "M", "lastName": "Smith", "phoneNo": "903124360628", "email": "james@shop.example",
			"address1": "Street 1", "address2": "Floor 2", "address3": "Door 3", "city": "Ankara", "region": "R", "state": "S",
			"country": "TR", "zipCode": "06700"
		},
		"billingInfo": {
			"firstName": "James", "middleName": "M", "lastName": "Smith", "phoneNo": "903124360628", "phoneNoRegion": "90",
			"email": "james@shop.example", "address1": "Street 1", "address2": "Floor 2", "address3": "Door 3", "city": "Ankara",
			"region": "R", "state": "S", "country": "TR", "zipCode": "06700"
		}
	}`
)

// edits are changes to a block: raw values by JSON Pointer below /data; "" removes the
// member.
type edits map[string]string

// edited applies changes to a full block.
func edited(t testing.TB, rules string, changes edits) []byte {
	t.Helper()
	var block any
	require.NoError(t, json.Unmarshal([]byte(full[rules]), &block))
	for pointer, raw := range changes {
		names := strings.Split(pointer, "/")[1:]
		at := block
		for _, name := range names[:len(names)-1] {
			switch outer := at.(type) {
			case map[string]any:
				at = outer[name]
			case []any:
				index, err := strconv.Atoi(name)
				require.NoError(t, err)
				at = outer[index]
			}
		}
		last := names[len(names)-1]
		switch outer := at.(type) {
		case map[string]any:
			delete(outer, last)
			if raw != "" {
				outer[last] = json.RawMessage(raw)
			}
		case []any:
			index, err := strconv.Atoi(last)
			require.NoError(t, err)
			outer[index] = json.RawMessage(raw)
		default:
			require.Fail(t, "no such place", pointer)
		}
	}
	data, err := json.Marshal(block)
	require.NoError(t, err)
	return data
}

// pointerTo converts the name of a row to the JSON Pointer, below /data, of the row's first
// value in a full block.
func pointerTo(row string) string {
	row = strings.TrimPrefix(strings.ReplaceAll(row, "[]", ".0"), "data")
	return strings.ReplaceAll(row, ".", "/")
}
